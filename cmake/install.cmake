# install.cmake: what `cmake --install` lays down: headers, one library (shared with -DBUILD_SHARED_LIBS=ON, else
# static), the program, and what find_package and pkg-config read. Tests and the program in the tree link the plain archive.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
option(BUILD_SHARED_LIBS "Install the shared library instead of the static one" OFF)

foreach(part MAJOR MINOR PATCH)
  file(STRINGS include/mote.h line REGEX "^#define MOTE_VERSION_${part} ")
  if(NOT line STREQUAL "#define MOTE_VERSION_${part} ${PROJECT_VERSION_${part}}")
    message(FATAL_ERROR "include/mote.h says \"${line}\", the project's version is ${PROJECT_VERSION}")
  endif()
endforeach()

if(BUILD_SHARED_LIBS)
  add_library(installed SHARED $<TARGET_OBJECTS:objects>)
  set_target_properties(installed PROPERTIES VERSION ${PROJECT_VERSION}
                        SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR} LINKER_LANGUAGE C)
  target_link_libraries(installed PRIVATE m ${CMAKE_DL_LIBS})
elseif(CMAKE_OBJCOPY AND NOT APPLE)
  # One object, in which every name but the API's is local: a host may have a buffer_create of its own.
  set(combined ${CMAKE_BINARY_DIR}/installed/mote.o)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/installed)
  add_custom_command(OUTPUT ${combined} DEPENDS objects $<TARGET_OBJECTS:objects> COMMAND_EXPAND_LISTS VERBATIM
    COMMAND ${CMAKE_LINKER} -r -o ${combined} $<TARGET_OBJECTS:objects>
    COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${combined}
    COMMENT "Combining the static library")
  add_library(installed STATIC ${combined})
  set_source_files_properties(${combined} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  set_target_properties(installed PROPERTIES LINKER_LANGUAGE C)
else()
  add_library(installed STATIC $<TARGET_OBJECTS:objects>)
endif()
set_target_properties(installed PROPERTIES OUTPUT_NAME mote EXPORT_NAME mote
                      ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/installed
                      LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/installed)
target_include_directories(installed INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

install(TARGETS installed EXPORT mote-targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS mote RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES include/mote.h include/mote_vulkan.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/mote)
install(EXPORT mote-targets NAMESPACE mote:: DESTINATION ${config_folder})
configure_package_config_file(cmake/mote-config.cmake.in ${CMAKE_BINARY_DIR}/installed/mote-config.cmake
                              INSTALL_DESTINATION ${config_folder})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/installed/mote-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/installed/mote-config.cmake ${CMAKE_BINARY_DIR}/installed/mote-config-version.cmake
        DESTINATION ${config_folder})
configure_file(cmake/mote.pc.in ${CMAKE_BINARY_DIR}/installed/mote.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/installed/mote.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
