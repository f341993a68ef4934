# SPDX-License-Identifier: Apache-2.0
# Debian packs clang's runtime libraries apart from the compiler.
include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_FLAGS "-fsanitize=fuzzer,address,undefined")
check_cxx_source_compiles(
  "extern \"C\" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }"
  SKYBRIDGE_HAS_LIBFUZZER)
unset(CMAKE_REQUIRED_FLAGS)
if(NOT SKYBRIDGE_HAS_LIBFUZZER)
  message(FATAL_ERROR
    "${CMAKE_CXX_COMPILER} does not link with -fsanitize=fuzzer,address: its runtime is missing; "
    "apt-get install libclang-rt-14-dev.")
endif()
