# find_package(eventfabric) and pkg-config eventfabric. Headers lie under include/eventfabric/{ipc,fabric}.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/eventfabric)

# A set of targets per component: who uses the core needs nothing that the formats need.
#   find_package(eventfabric)                              ipc, fabric
#   find_package(eventfabric COMPONENTS formats catalog)   these as well
foreach(layer IN LISTS EVF_LAYERS)
  set(set Targets)
  if(NOT layer MATCHES "^(ipc|fabric)$")
    set(set -${layer}-Targets)
    install(EXPORT eventfabric${set} NAMESPACE eventfabric:: DESTINATION ${package_dir})
  endif()
  install(TARGETS eventfabric_${layer} EXPORT eventfabric${set}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/eventfabric)
endforeach()
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
