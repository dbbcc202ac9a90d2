# install.cmake: what `cmake --install` lays down: headers, the library, the program, and what find_package and pkg-config
# read.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

foreach(part MAJOR MINOR PATCH)
  file(STRINGS include/mote.h line REGEX "^#define MOTE_VERSION_${part} ")
  if(NOT line STREQUAL "#define MOTE_VERSION_${part} ${PROJECT_VERSION_${part}}")
    message(FATAL_ERROR "include/mote.h says \"${line}\", the project's version is ${PROJECT_VERSION}")
  endif()
endforeach()

target_include_directories(mote-library INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

install(TARGETS mote-library EXPORT mote-targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(MOTE_BUILD_PROGRAM)
  install(TARGETS mote RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(FILES include/mote.h include/mote_vulkan.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/mote)
install(EXPORT mote-targets NAMESPACE mote:: DESTINATION ${config_folder})
configure_package_config_file(cmake/mote-config.cmake.in ${PROJECT_BINARY_DIR}/installed/mote-config.cmake
                              INSTALL_DESTINATION ${config_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/installed/mote-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/installed/mote-config.cmake ${PROJECT_BINARY_DIR}/installed/mote-config-version.cmake
        DESTINATION ${config_folder})
configure_file(cmake/mote.pc.in ${PROJECT_BINARY_DIR}/installed/mote.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/installed/mote.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
