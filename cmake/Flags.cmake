# Compiler flags: the language, the warnings (all of them errors), and the code generation
# shared by every build. Build types add -O2 -g (release) or -Og -g (debug).
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_FLAGS_DEBUG "-Og -g")

# Carried by every module, program and test, not by third-party code.
add_library(metis_flags INTERFACE)
target_compile_definitions(metis_flags INTERFACE _GNU_SOURCE)
target_compile_options(metis_flags INTERFACE
    $<$<COMPILE_LANGUAGE:C>:-Wall -Wextra -Wpedantic -Wshadow -Wconversion
    -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef -Wformat=2
    -Werror>
    $<$<COMPILE_LANGUAGE:C>:-fno-plt -fno-common
    -fno-omit-frame-pointer -fstack-protector-strong>)
target_include_directories(metis_flags INTERFACE ${CMAKE_SOURCE_DIR}/include
    ${CMAKE_BINARY_DIR}/gen)
target_link_options(metis_flags INTERFACE -Wl,-z,relro -Wl,-z,now)

if(METIS_DCHECK)
    target_compile_definitions(metis_flags INTERFACE METIS_DCHECK=1)
endif()

if(METIS_SANITIZE)
    add_compile_options(-fsanitize=${METIS_SANITIZE} -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${METIS_SANITIZE})
    add_compile_definitions(METIS_SANITIZED=1)
endif()

if(METIS_LTO)
    set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()
