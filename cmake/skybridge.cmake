# SPDX-License-Identifier: Apache-2.0
# What every target shares: standard, processor, warnings, the include root; and two helpers.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
# Asserts stay on in every build.
set(CMAKE_CXX_FLAGS_RELEASE "-O3 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g")
find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(Protobuf REQUIRED)

# One binary gives one result everywhere: one instruction set, no contraction into FMA behind our
# back, no fast-math (docs/protocol.md, L8).
add_library(skybridge_flags INTERFACE)
add_library(skybridge::flags ALIAS skybridge_flags)
target_include_directories(skybridge_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_link_libraries(skybridge_flags INTERFACE Threads::Threads)
if(SKYBRIDGE_NATIVE)
  target_compile_options(skybridge_flags INTERFACE -march=native)
else()
  target_compile_options(skybridge_flags INTERFACE -march=x86-64-v3)
endif()
target_compile_options(skybridge_flags INTERFACE -ffp-contract=off)
# Eigen cuts products by the cache sizes it asks the processor for, and small ones by the alignment
# of the result; both would change the order of sums. Said here, so that all see one Eigen.
target_compile_definitions(skybridge_flags INTERFACE
  EIGEN_NO_CPUID EIGEN_DONT_PARALLELIZE EIGEN_GEMM_TO_COEFFBASED_THRESHOLD=1)
if(SKYBRIDGE_SANITIZE)
  target_compile_options(skybridge_flags INTERFACE
    -fsanitize=${SKYBRIDGE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(skybridge_flags INTERFACE -fsanitize=${SKYBRIDGE_SANITIZE})
  target_compile_definitions(skybridge_flags INTERFACE _GLIBCXX_ASSERTIONS)
endif()
if(SKYBRIDGE_FUZZ)
  include(cmake/fuzz_check.cmake)
  target_compile_options(skybridge_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

add_library(skybridge_warnings INTERFACE)
target_compile_options(skybridge_warnings INTERFACE -Wall -Wextra -Wconversion -Wshadow -Werror
  -Wno-missing-field-initializers  # Options structs are filled by name and have defaults.
  -Wno-restrict)  # g++ 12 sees overlaps in string + string that are not there (GCC bug 105329).

if(SKYBRIDGE_SANITIZE)  # Their calls hide from g++ 12 that std::regex sets what it uses.
  target_compile_options(skybridge_warnings INTERFACE -Wno-maybe-uninitialized)
endif()
if(SKYBRIDGE_FUZZ)  # The warnings above are g++'s; clang knows others, and tidy asks it for them.
  target_compile_options(skybridge_warnings INTERFACE -w)
endif()

# skybridge_library(NAME SOURCES a.cc ... [DEPS public ...] [PRIVATE private ...])
function(skybridge_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE" ${ARGN})
  add_library(skybridge_${name} STATIC ${ARG_SOURCES})
  add_library(skybridge::${name} ALIAS skybridge_${name})
  target_link_libraries(skybridge_${name}
    PUBLIC skybridge::flags ${ARG_DEPS}
    PRIVATE skybridge_warnings ${ARG_PRIVATE})
endfunction()

# skybridge_test(NAME SOURCES a_test.cc ... [DEPS ...] LABELS unit|sim|integration|... [TIMEOUT s])
# Each case of the binary is one CTest.
include(GoogleTest)
function(skybridge_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE
    skybridge::flags skybridge_warnings ${ARG_DEPS} GTest::gtest_main)
  gtest_discover_tests(${name}
    DISCOVERY_MODE PRE_TEST
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()
