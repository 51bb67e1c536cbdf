# find_package(eventfabric) and pkg-config eventfabric. Headers lie under include/eventfabric/{ipc,fabric}.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/eventfabric)

install(TARGETS eventfabric_ipc eventfabric_fabric EXPORT eventfabricTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/eventfabric)
install(DIRECTORY DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/eventfabric)  # exists even while no layer has a header
install(EXPORT eventfabricTargets NAMESPACE eventfabric:: DESTINATION ${package_dir})
configure_package_config_file(cmake/eventfabricConfig.cmake.in ${PROJECT_BINARY_DIR}/eventfabricConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/eventfabricConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/eventfabricConfig.cmake ${PROJECT_BINARY_DIR}/eventfabricConfigVersion.cmake
  DESTINATION ${package_dir})

# Upper layers first: a static library comes before the one that it needs.
set(EVF_PC_LIBS "")
foreach(layer IN ITEMS fabric ipc)
  get_target_property(type eventfabric_${layer} TYPE)
  if(type STREQUAL "STATIC_LIBRARY")
    string(APPEND EVF_PC_LIBS " -leventfabric_${layer}")
  endif()
endforeach()
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR} OR IS_ABSOLUTE ${CMAKE_INSTALL_INCLUDEDIR})
  message(FATAL_ERROR "CMAKE_INSTALL_LIBDIR and CMAKE_INSTALL_INCLUDEDIR have to be relative to the prefix.")
endif()
file(RELATIVE_PATH EVF_PC_PREFIX /prefix/${pkgconfig_dir} /prefix)
string(REGEX REPLACE "/$" "" EVF_PC_PREFIX ${EVF_PC_PREFIX})
configure_file(cmake/eventfabric.pc.in ${PROJECT_BINARY_DIR}/eventfabric.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/eventfabric.pc DESTINATION ${pkgconfig_dir})
install(FILES LICENSE CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
