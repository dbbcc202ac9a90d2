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

# pkg-config: all folders as seen from where mote.pc lies, so that the tree may be moved; absolute ones stay as they are.
set(pc_prefix ${CMAKE_INSTALL_PREFIX})
if(NOT IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  file(RELATIVE_PATH up /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
  string(REGEX REPLACE "/$" "" up "${up}")
  set(pc_prefix "\${pcfiledir}/${up}")
endif()
foreach(folder libdir includedir)
  string(TOUPPER ${folder} variable)
  set(pc_${folder} "${CMAKE_INSTALL_${variable}}")
  if(NOT IS_ABSOLUTE "${pc_${folder}}")
    set(pc_${folder} "\${prefix}/${pc_${folder}}")
  endif()
endforeach()
set(pc_libraries "")
if(NOT BUILD_SHARED_LIBS)  # a shared library brings its own; a static one needs them, and there is no other here
  foreach(library m ${CMAKE_DL_LIBS})
    string(APPEND pc_libraries " -l${library}")
  endforeach()
endif()
configure_file(cmake/mote.pc.in ${PROJECT_BINARY_DIR}/installed/mote.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/installed/mote.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# What a game needs besides: weights, how to embed mote, examples, and the licences that go with the binary.
file(GLOB weights models/*.safetensors)
install(FILES ${weights} models/README.md models/context_unet.py DESTINATION ${CMAKE_INSTALL_DATADIR}/mote/models)
install(FILES LICENSE docs/third-party.md docs/embedding.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR} PATTERN "build*" EXCLUDE)
