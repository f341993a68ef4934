# SPDX-License-Identifier: Apache-2.0
# Before project(): fuzzers are built by clang, which brings libFuzzer.
find_program(SKYBRIDGE_CLANG NAMES clang++-14 clang++)
if(NOT SKYBRIDGE_CLANG)
  message(FATAL_ERROR
    "The fuzz preset needs clang: apt-get install clang-14 libclang-rt-14-dev. "
    "Without it, any other preset replays the fuzzers' corpus (ctest -L fuzz).")
endif()
set(CMAKE_CXX_COMPILER ${SKYBRIDGE_CLANG})
