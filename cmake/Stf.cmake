# The provable core, built freestanding (-DMETIS_FREESTANDING): twice from the same list of
# files.
#
#   libmetis-stf.a  for this machine: one relocatable object whose only global symbols are
#                   metis_stf_*, so that it links beside the hosted build of the same files
#   stf.rv64        a static program for rv64im, when riscv64-unknown-elf-gcc is there
#
# Needs secp256k1 and c-kzg's blst in third_party (scripts/setup.sh).
set(SECP_DIR ${CMAKE_SOURCE_DIR}/third_party/secp256k1/src/secp256k1)
set(STF_FOUND OFF)
if(EXISTS ${SECP_DIR}/src/secp256k1.c AND TARGET blst_ckzg)
    set(STF_FOUND ON)
else()
    message(STATUS "secp256k1 or c-kzg is not in third_party: no libmetis-stf")
endif()

set(STF_FLAGS -std=c17 -ffreestanding -ffunction-sections -fdata-sections
    -fno-stack-protector -fno-asynchronous-unwind-tables -DMETIS_FREESTANDING=1)
set(STF_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
    -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef -Wformat=2 -Werror)
set(STF_INCLUDES ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src/crypto
    ${CMAKE_SOURCE_DIR}/src/stf)
set(STF_SYSTEM_INCLUDES ${SECP_DIR} ${SECP_DIR}/src ${CKZG_DIR}/blst/bindings)
set(STF_BLST ${CKZG_DIR}/blst/src/server.c)
# Its portable C has 32-bit limbs; only 64-bit processors it knows by name are kept from it.
set(STF_BLST_FLAGS -w -D__BLST_NO_ASM__ -D__BLST_NO_CPUID__ -U__x86_64__ -U__aarch64__
    -fno-builtin)

function(stf_sources out)
    set(dir ${CMAKE_SOURCE_DIR}/src)
    file(GLOB list CONFIGURE_DEPENDS ${dir}/types/*.c ${dir}/metisdb/trie*.c
        ${dir}/metisvm/*.c ${dir}/mpef/*.c ${dir}/stf/*.c ${dir}/stf/core/*.c)
    list(FILTER list EXCLUDE REGEX "/mpef/(senders|snapshot_reader)\\.c$")
    foreach(name err bytes u256 arena buf map)
        list(APPEND list ${dir}/base/${name}.c)
    endforeach()
    foreach(name keccak blake2f bn254 bn254_fp bn254_tower bn254_pairing bls kzg_point
            secp_scalar)
        list(APPEND list ${dir}/crypto/${name}.c)
    endforeach()
    list(APPEND list ${dir}/codec/rlp.c)
    set(${out} ${list} PARENT_SCOPE)
endfunction()

# ---- for this machine ----
function(stf_library)
    stf_sources(sources)
    add_library(stf_objects OBJECT ${sources})
    target_compile_options(stf_objects PRIVATE ${STF_FLAGS} ${STF_WARNINGS}
        -fno-sanitize=all)
    target_include_directories(stf_objects PRIVATE ${STF_INCLUDES})
    target_include_directories(stf_objects SYSTEM PRIVATE ${STF_SYSTEM_INCLUDES})
    add_library(stf_blst OBJECT ${STF_BLST})
    target_compile_options(stf_blst PRIVATE ${STF_FLAGS} ${STF_BLST_FLAGS}
        -fno-sanitize=all)
    set_target_properties(stf_objects stf_blst PROPERTIES
        INTERPROCEDURAL_OPTIMIZATION OFF)
    set(object ${CMAKE_BINARY_DIR}/metis-stf.o)
    set(library ${CMAKE_BINARY_DIR}/libmetis-stf.a)
    add_custom_command(OUTPUT ${library}
        COMMAND ${CMAKE_LINKER} -r --gc-sections -u metis_stf_run -u metis_stf_crypto
            -o ${object} $<TARGET_OBJECTS:stf_objects>
            $<TARGET_OBJECTS:stf_blst>
        COMMAND ${CMAKE_OBJCOPY} --wildcard --keep-global-symbol=metis_stf_*
            --strip-unneeded ${object}
        COMMAND ${CMAKE_COMMAND} -E rm -f ${library}
        COMMAND ${CMAKE_AR} rcs ${library} ${object}
        DEPENDS stf_objects stf_blst $<TARGET_OBJECTS:stf_objects>
            $<TARGET_OBJECTS:stf_blst>
        COMMENT "libmetis-stf" COMMAND_EXPAND_LISTS VERBATIM)
    add_custom_target(metis_stf_library DEPENDS ${library})
    add_library(metis_stf INTERFACE)
    target_link_libraries(metis_stf INTERFACE ${library})
    target_compile_definitions(metis_stf INTERFACE METIS_STF=1)
    add_dependencies(metis_stf metis_stf_library)
endfunction()

# ---- for rv64im ----
function(stf_rv64 compiler)
    stf_sources(sources)
    set(rv64 ${CMAKE_SOURCE_DIR}/src/stf/rv64)
    set(flags -march=rv64im -mabi=lp64 -mno-relax -mcmodel=medany -O2 ${STF_FLAGS})
    foreach(dir ${STF_INCLUDES} ${rv64})
        list(APPEND flags -I${dir})
    endforeach()
    list(APPEND flags -isystem ${rv64}/include)
    foreach(dir ${STF_SYSTEM_INCLUDES})
        list(APPEND flags -isystem ${dir})
    endforeach()
    set(objects "")
    foreach(source ${sources} ${STF_BLST} ${rv64}/main.c ${rv64}/string.c ${rv64}/start.S
            ${rv64}/memory.S)
        file(RELATIVE_PATH name ${CMAKE_SOURCE_DIR} ${source})
        string(REPLACE "/" "_" name ${name})
        set(object ${CMAKE_BINARY_DIR}/rv64/${name}.o)
        set(own ${STF_WARNINGS})
        if(source STREQUAL STF_BLST)
            set(own ${STF_BLST_FLAGS})
        elseif(source MATCHES "/rv64/string\\.c$")
            list(APPEND own -fno-tree-loop-distribute-patterns)
        endif()
        add_custom_command(OUTPUT ${object}
            COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/rv64
            COMMAND ${compiler} ${flags} ${own} -MD -MF ${object}.d -MT ${object}
                -c ${source} -o ${object}
            DEPENDS ${source} DEPFILE ${object}.d COMMENT "rv64 ${name}" VERBATIM)
        list(APPEND objects ${object})
    endforeach()
    set(program ${CMAKE_BINARY_DIR}/stf.rv64)
    add_custom_command(OUTPUT ${program}
        COMMAND ${compiler} -march=rv64im -mabi=lp64 -mno-relax -nostdlib -static
            -Wl,--gc-sections -Wl,--no-warn-rwx-segments -Wl,--build-id=none
            -T ${rv64}/link.ld -o ${program} ${objects} -lgcc
        DEPENDS ${objects} ${rv64}/link.ld COMMENT "stf.rv64" VERBATIM)
    add_custom_target(stf_rv64 ALL DEPENDS ${program})
endfunction()

if(STF_FOUND)
    stf_library()
    find_program(RV64_GCC riscv64-unknown-elf-gcc)
    if(RV64_GCC)
        stf_rv64(${RV64_GCC})
    else()
        message(STATUS "riscv64-unknown-elf-gcc is not installed: no stf.rv64")
    endif()
else()
    add_library(metis_stf INTERFACE)
endif()
