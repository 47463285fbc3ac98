# What `cmake --install` puts below the prefix, and how others find it there:
#
#   component library   headers; libtalea.so (talea::c) and libtalea_cpp.a (talea::talea), with
#                       find_package(talea) and, as talea-c and talea, with pkg-config
#   component program   talea
#
# The archive has a name of its own, so that -ltalea is always the shared library.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(modules base codec crypto io keys log index manifest store engine auth s3 ledger bucketdb)
set(objects)
foreach(module ${modules})
  get_target_property(type talea_${module} TYPE)
  if(type STREQUAL STATIC_LIBRARY)
    list(APPEND objects $<TARGET_OBJECTS:talea_${module}>)
  endif()
endforeach()
add_library(talea_cpp STATIC ${objects})
set_target_properties(talea_cpp PROPERTIES LINKER_LANGUAGE CXX EXPORT_NAME talea)
target_compile_features(talea_cpp INTERFACE cxx_std_20)
target_include_directories(talea_cpp INTERFACE
                           $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(talea_cpp INTERFACE Threads::Threads PkgConfig::isal PkgConfig::lz4
                      PkgConfig::argon2 PkgConfig::crypt PkgConfig::snappy OpenSSL::Crypto
                      absl::flat_hash_map CURL::libcurl pugixml::pugixml)
# As those who link the archive elsewhere find it.
set(ipsec_mb_name)
set(ipsec_mb_flag)
if(TALEA_IPSEC_MB)
  set(ipsec_mb_name IPSec_MB)
  set(ipsec_mb_flag -l${ipsec_mb_name})
  target_link_libraries(talea_cpp INTERFACE $<BUILD_INTERFACE:${TALEA_IPSEC_MB}>
                        $<INSTALL_INTERFACE:${ipsec_mb_name}>)
endif()

install(TARGETS talea_cpp talea_c EXPORT talea_targets COMPONENT library
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS talea RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/talea DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        COMPONENT library FILES_MATCHING PATTERN *.h)

set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/talea)
install(EXPORT talea_targets NAMESPACE talea:: FILE taleaTargets.cmake COMPONENT library
        DESTINATION ${package_directory})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/taleaConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/package/taleaConfig.cmake
                              INSTALL_DESTINATION ${package_directory})
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/taleaConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/package/taleaConfig.cmake
              ${PROJECT_BINARY_DIR}/package/taleaConfigVersion.cmake
        DESTINATION ${package_directory} COMPONENT library)
file(RELATIVE_PATH up_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
foreach(name talea talea-c)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/${name}.pc.in ${PROJECT_BINARY_DIR}/package/${name}.pc
                 @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/package/${name}.pc
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT library)
endforeach()
