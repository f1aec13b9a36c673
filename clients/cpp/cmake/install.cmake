# What `cmake --install` copies: the library, its headers, and what find_package(grps_client) reads.

install(TARGETS grps_client EXPORT grps_clientTargets)
install(DIRECTORY include/grps DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")

if(GRPS_CLIENT_GRPC)
  install(TARGETS grps_apis EXPORT grps_clientTargets)
  install(
    DIRECTORY "${GRPS_APIS_DIR}/grps_apis"
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
    FILES_MATCHING
    PATTERN "*.h")
endif()

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/grps_client")
install(
  EXPORT grps_clientTargets
  NAMESPACE grps::
  DESTINATION "${package_dir}")
configure_package_config_file(cmake/grps_clientConfig.cmake.in grps_clientConfig.cmake
                              INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file(grps_clientConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/grps_clientConfig.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/grps_clientConfigVersion.cmake"
        DESTINATION "${package_dir}")
