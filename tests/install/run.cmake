# Installs the build tree to a prefix of its own and builds and runs consumer.cpp against it twice: with find_package and
# with pkg-config. Arguments: BUILD_DIR CONSUMER_DIR VERSION GENERATOR COMPILER SANITIZE COVERAGE.
set(work ${BUILD_DIR}/install_consumer)
set(prefix ${work}/prefix)
file(REMOVE_RECURSE ${work})

set(flags "")
if(SANITIZE)
  list(APPEND flags -fsanitize=${SANITIZE})
endif()
if(COVERAGE)
  list(APPEND flags --coverage)
endif()
list(JOIN flags " " flags_line)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE errors)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "failed (${status}): ${ARGN}\n${output}\n${errors}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

function(run_consumer program)
  run(${program})
  if(NOT output MATCHES "consumer: ok")
    message(FATAL_ERROR "${program} printed: ${output}")
  endif()
  message(STATUS "${program}: ${output}")
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${prefix})

run(${CMAKE_COMMAND} -S ${CONSUMER_DIR} -B ${work}/cmake -G ${GENERATOR} -D CMAKE_CXX_COMPILER=${COMPILER}
    -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_CXX_FLAGS=${flags_line})
run(${CMAKE_COMMAND} --build ${work}/cmake)
run_consumer(${work}/cmake/consumer)

file(GLOB_RECURSE pc ${prefix}/eventfabric.pc)
cmake_path(GET pc PARENT_PATH pc_dir)
set(ENV{PKG_CONFIG_PATH} ${pc_dir})
run(pkg-config --modversion eventfabric)
if(NOT output MATCHES "^${VERSION}\n$")
  message(FATAL_ERROR "pkg-config names version ${output}, the project ${VERSION}")
endif()
run(pkg-config --cflags --libs eventfabric)
separate_arguments(pc_flags UNIX_COMMAND "${output}")
run(${COMPILER} -std=c++20 ${flags} ${CONSUMER_DIR}/consumer.cpp -o ${work}/consumer_pc ${pc_flags})
run_consumer(${work}/consumer_pc)
