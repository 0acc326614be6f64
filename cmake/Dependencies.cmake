# Libraries: Debian packages, and blst + c-kzg from third_party/c-kzg (fetched and checked
# by scripts/setup.sh). Without the latter everything builds, and the BLS12-381 and KZG
# functions of crypto report that they are unsupported.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(LMDB REQUIRED IMPORTED_TARGET lmdb)
pkg_check_modules(SECP256K1 REQUIRED IMPORTED_TARGET libsecp256k1)
pkg_check_modules(GMP REQUIRED IMPORTED_TARGET gmp)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(INIH REQUIRED IMPORTED_TARGET inih)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(CRITERION IMPORTED_TARGET criterion)
find_library(HTTP_PARSER_LIB http_parser REQUIRED)
find_library(WSLAY_LIB wslay REQUIRED)

set(CKZG_DIR ${CMAKE_SOURCE_DIR}/third_party/c-kzg/deps)
if(EXISTS ${CKZG_DIR}/c-kzg/ckzg.c AND EXISTS ${CKZG_DIR}/blst/src/server.c)
    add_library(blst_ckzg STATIC
        ${CKZG_DIR}/c-kzg/ckzg.c
        ${CKZG_DIR}/blst/src/server.c
        ${CKZG_DIR}/blst/build/assembly.S)
    # __BLST_PORTABLE__ compiles both code paths in and chooses by cpuid at run time.
    target_compile_definitions(blst_ckzg PRIVATE __BLST_PORTABLE__)
    target_compile_options(blst_ckzg PRIVATE -w -O2 -fno-builtin
        -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=) # a program tells nothing of where it was built
    target_include_directories(blst_ckzg SYSTEM PUBLIC
        ${CKZG_DIR}/c-kzg ${CKZG_DIR}/blst/bindings)
    target_compile_definitions(blst_ckzg PUBLIC
        METIS_TRUSTED_SETUP="${CKZG_DIR}/c-kzg/trusted_setup.txt")
    set(METIS_KZG_LIB blst_ckzg)
else()
    message(STATUS "c-kzg is not in third_party: no BLS12-381, no KZG (scripts/setup.sh)")
    add_library(no_kzg INTERFACE)
    target_compile_definitions(no_kzg INTERFACE METIS_NO_KZG=1)
    set(METIS_KZG_LIB no_kzg)
endif()
