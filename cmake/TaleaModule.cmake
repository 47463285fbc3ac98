# How a module of src/ and its tests are declared. The name of a file says what it is:
#
#   foo.h foo.cc               the module
#   foo_test.cc                unit tests                       ctest label: unit
#   foo_concurrency_test.cc    tests that run threads           ctest label: concurrency
#   foo_long_test.cc           tests that take minutes          ctest label: long
#
# Each kind becomes one program per module. script/test runs `unit` and `concurrency` under the
# address and undefined-behaviour sanitizers and builds the target `concurrency_tests`, the programs
# labelled concurrency alone, under the thread sanitizer.
include(GoogleTest)

if(TALEA_BUILD_TESTS)
  # Every test program that carries the label concurrency.
  add_custom_target(concurrency_tests)
endif()

# talea_module(NAME [DEPENDS module...] [LIBRARIES target...] [TEST_LIBRARIES target...])
#
# Declares the module in the current directory, src/NAME: a static library talea_NAME of its *.cc
# (an interface library when it has headers only), and a program for each kind of test it has,
# whose cases ctest lists one by one.
# DEPENDS names modules; src/LAYERS says which are allowed and tools/check_layers.py checks.
function(talea_module name)
  cmake_parse_arguments(module "" "" "DEPENDS;LIBRARIES;TEST_LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  set(unit_tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER unit_tests INCLUDE REGEX "_test\\.cc$")
  set(concurrency_tests ${unit_tests})
  set(long_tests ${unit_tests})
  list(FILTER concurrency_tests INCLUDE REGEX "_concurrency_test\\.cc$")
  list(FILTER long_tests INCLUDE REGEX "_long_test\\.cc$")
  list(FILTER unit_tests EXCLUDE REGEX "_(concurrency|long)_test\\.cc$")
  list(TRANSFORM module_DEPENDS PREPEND talea_ OUTPUT_VARIABLE dependencies)

  set(include_directories ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  if(sources)
    add_library(talea_${name} STATIC ${sources})
    target_include_directories(talea_${name} PUBLIC ${include_directories})
    target_link_libraries(talea_${name} PUBLIC ${dependencies}
                                        PRIVATE talea_options ${module_LIBRARIES})
  else()
    add_library(talea_${name} INTERFACE)
    target_include_directories(talea_${name} INTERFACE ${include_directories})
    target_link_libraries(talea_${name} INTERFACE ${dependencies} ${module_LIBRARIES})
  endif()

  if(TALEA_BUILD_TESTS)
    set(libraries talea_${name} ${module_LIBRARIES} ${module_TEST_LIBRARIES})
    if(unit_tests)
      talea_test(${name}_test SOURCES ${unit_tests} LIBRARIES ${libraries} LABELS unit)
    endif()
    if(concurrency_tests)
      talea_test(${name}_concurrency_test SOURCES ${concurrency_tests} LIBRARIES ${libraries}
                                          LABELS concurrency)
    endif()
    if(long_tests)
      talea_test(${name}_long_test SOURCES ${long_tests} LIBRARIES ${libraries} LABELS long
                                   TIMEOUT 3600)
    endif()
  endif()
endfunction()

# talea_test(NAME SOURCES file... [LIBRARIES target...] [LABELS label...] [TIMEOUT seconds])
#
# A GoogleTest program whose main() is tests/support/test_main.cc. Every test can have a fresh
# directory of its own and a printed seed: tests/support/test_directory.h.
# LABELS: unit (default), concurrency, long, or a kind of its own such as crash; several may be
# given. A test with several hundred seconds of work is `long`; script/test --full runs those.
function(talea_test name)
  cmake_parse_arguments(test "" "TIMEOUT" "SOURCES;LIBRARIES;LABELS" ${ARGN})
  if(NOT test_TIMEOUT)
    set(test_TIMEOUT 300)
  endif()
  if(NOT test_LABELS)
    set(test_LABELS unit)
  endif()
  add_executable(${name} ${test_SOURCES})
  target_link_libraries(${name} PRIVATE ${test_LIBRARIES} talea_options talea_test_main
                                        GTest::gmock)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  if("concurrency" IN_LIST test_LABELS)
    add_dependencies(concurrency_tests ${name})
  endif()
  gtest_discover_tests(${name} TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60
                       PROPERTIES TIMEOUT ${test_TIMEOUT})
  # gtest_discover_tests cannot pass a list on; it leaves the names of the tests in a variable.
  set(labels_file ${CMAKE_CURRENT_BINARY_DIR}/${name}_labels.cmake)
  file(WRITE ${labels_file} "foreach(test IN LISTS ${name}_TESTS)\n"
       "  set_tests_properties(\"\${test}\" PROPERTIES LABELS \"${test_LABELS}\")\n"
       "endforeach()\n")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${labels_file})
endfunction()
