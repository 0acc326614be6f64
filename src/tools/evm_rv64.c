/* The interpreter: the guest's memory is one reserved range of the host's, zero until
 * touched; each step fetches, decodes and does one instruction. No access leaves the
 * range. */
#include "evm_rv64.h"

#include <elf.h>
#include <sys/mman.h>

#define MEMORY_SIZE ((uint64_t)13 << 30)
#define STACK_SIZE  ((uint64_t)16 << 20)

enum { SYS_READ = 63, SYS_WRITE = 64, SYS_EXIT = 93 };

struct machine {
    uint8_t *mem;
    uint64_t x[32];
    uint64_t pc;
    uint64_t count;
    struct rv64_run *run;
    size_t input_at;
    bool done;
    const char *fault;
};

__extension__ typedef __int128 i128;
__extension__ typedef unsigned __int128 u128;

/* ---- memory ---- */

static bool inside(struct machine *m, uint64_t at, uint64_t n)
{
    if (MT_LIKELY(at <= MEMORY_SIZE - n))
        return true;
    m->fault = "access outside the memory";
    return false;
}

static uint64_t load(struct machine *m, uint64_t at, unsigned width)
{
    uint64_t v = 0;
    uint8_t b;
    uint16_t h;
    uint32_t w;
    if (!inside(m, at, 8))
        return 0;
    switch (width) {
    case 0:
        memcpy(&b, m->mem + at, 1);
        return (uint64_t)(int64_t)(int8_t)b;
    case 1:
        memcpy(&h, m->mem + at, 2);
        return (uint64_t)(int64_t)(int16_t)h;
    case 2:
        memcpy(&w, m->mem + at, 4);
        return (uint64_t)(int64_t)(int32_t)w;
    case 3:
        memcpy(&v, m->mem + at, 8);
        return v;
    case 4:
        return m->mem[at];
    case 5:
        memcpy(&h, m->mem + at, 2);
        return h;
    case 6:
        memcpy(&w, m->mem + at, 4);
        return w;
    default:
        m->fault = "no such load";
        return 0;
    }
}

static void store(struct machine *m, uint64_t at, unsigned width, uint64_t v)
{
    if (width > 3)
        m->fault = "no such store";
    else if (inside(m, at, 8))
        memcpy(m->mem + at, &v, (size_t)1 << width); /* both are little endian */
}

/* ---- arithmetic ---- */

static uint64_t sext32(uint64_t v)
{
    return (uint64_t)(int64_t)(int32_t)(uint32_t)v;
}

static uint64_t shift_right_signed(uint64_t v, unsigned n)
{
    return (uint64_t)((int64_t)v >> n);
}

/* funct3 of OP and OP-IMM; alt: SUB and SRA. */
static uint64_t alu(unsigned funct, bool alt, uint64_t a, uint64_t b)
{
    switch (funct) {
    case 0:
        return alt ? a - b : a + b;
    case 1:
        return a << (b & 63);
    case 2:
        return (int64_t)a < (int64_t)b;
    case 3:
        return a < b;
    case 4:
        return a ^ b;
    case 5:
        return alt ? shift_right_signed(a, b & 63) : a >> (b & 63);
    case 6:
        return a | b;
    default:
        return a & b;
    }
}

static uint64_t alu32(struct machine *m, unsigned funct, bool alt, uint64_t a, uint64_t b)
{
    switch (funct) {
    case 0:
        return sext32(alt ? a - b : a + b);
    case 1:
        return sext32(a << (b & 31));
    case 5:
        return alt ? (uint64_t)(int64_t)((int32_t)(uint32_t)a >> (b & 31))
                   : sext32((uint32_t)a >> (b & 31));
    default:
        m->fault = "no such instruction";
        return 0;
    }
}

static uint64_t div_signed(uint64_t a, uint64_t b)
{
    if (b == 0)
        return UINT64_MAX;
    if (a == (uint64_t)INT64_MIN && b == UINT64_MAX)
        return a;
    return (uint64_t)((int64_t)a / (int64_t)b);
}

static uint64_t rem_signed(uint64_t a, uint64_t b)
{
    if (b == 0)
        return a;
    if (b == UINT64_MAX)
        return 0;
    return (uint64_t)((int64_t)a % (int64_t)b);
}

static uint64_t muldiv(unsigned funct, uint64_t a, uint64_t b)
{
    switch (funct) {
    case 0:
        return a * b;
    case 1:
        return (uint64_t)((u128)((i128)(int64_t)a * (int64_t)b) >> 64);
    case 2: /* signed times unsigned */
        return (uint64_t)(((u128)a * b) >> 64) - ((int64_t)a < 0 ? b : 0);
    case 3:
        return (uint64_t)(((u128)a * b) >> 64);
    case 4:
        return div_signed(a, b);
    case 5:
        return b == 0 ? UINT64_MAX : a / b;
    case 6:
        return rem_signed(a, b);
    default:
        return b == 0 ? a : a % b;
    }
}

static uint64_t muldiv32(struct machine *m, unsigned funct, uint64_t a, uint64_t b)
{
    uint32_t x = (uint32_t)a, y = (uint32_t)b;
    switch (funct) {
    case 0:
        return sext32(x * y);
    case 4: /* in 64 bits the one overflow is none; what is kept is right */
        return sext32(div_signed(sext32(x), sext32(y)));
    case 5:
        return sext32(y == 0 ? UINT32_MAX : x / y);
    case 6:
        return sext32(rem_signed(sext32(x), sext32(y)));
    case 7:
        return sext32(y == 0 ? x : x % y);
    default:
        m->fault = "no such instruction";
        return 0;
    }
}

/* ---- system calls ---- */

static uint64_t sys_read(struct machine *m)
{
    slice in = m->run->input;
    uint64_t n = MT_MIN(m->x[12], in.len - m->input_at);
    if (m->x[10] != 0 || m->x[12] > MEMORY_SIZE || !inside(m, m->x[11], m->x[12]))
        return (uint64_t)-9;
    memcpy(m->mem + m->x[11], in.ptr + m->input_at, n);
    m->input_at += n;
    return n;
}

static uint64_t sys_write(struct machine *m)
{
    if ((m->x[10] != 1 && m->x[10] != 2) || m->x[12] > MEMORY_SIZE ||
        !inside(m, m->x[11], m->x[12]))
        return (uint64_t)-9;
    buf_put(m->x[10] == 1 ? &m->run->out : &m->run->err, m->mem + m->x[11], m->x[12]);
    return m->x[12];
}

static void system_call(struct machine *m)
{
    switch (m->x[17]) {
    case SYS_READ:
        m->x[10] = sys_read(m);
        break;
    case SYS_WRITE:
        m->x[10] = sys_write(m);
        break;
    case SYS_EXIT:
        m->run->status = (int)(m->x[10] & 0xff);
        m->done = true;
        break;
    default:
        m->x[10] = (uint64_t)-38;
    }
}

/* ---- one instruction ---- */

static int64_t imm_s(uint32_t w)
{
    return ((int32_t)w >> 25) * 32 + (int32_t)((w >> 7) & 31);
}

static int64_t imm_b(uint32_t w)
{
    return ((int32_t)w >> 31) * 4096 + (int32_t)((w << 4) & 0x800) +
           (int32_t)((w >> 20) & 0x7e0) + (int32_t)((w >> 7) & 0x1e);
}

static int64_t imm_j(uint32_t w)
{
    return ((int32_t)w >> 31) * 1048576 + (int32_t)(w & 0xff000) +
           (int32_t)((w >> 9) & 0x800) + (int32_t)((w >> 20) & 0x7fe);
}

static bool branch_taken(struct machine *m, unsigned funct, uint64_t a, uint64_t b)
{
    switch (funct) {
    case 0:
        return a == b;
    case 1:
        return a != b;
    case 4:
        return (int64_t)a < (int64_t)b;
    case 5:
        return (int64_t)a >= (int64_t)b;
    case 6:
        return a < b;
    case 7:
        return a >= b;
    default:
        m->fault = "no such branch";
        return false;
    }
}

/* OP-IMM and OP-IMM-32: the shifts keep their kind in the upper bits of the immediate. */
static uint64_t op_imm(struct machine *m, uint32_t w, unsigned funct, uint64_t a)
{
    uint64_t imm = (uint64_t)(int64_t)((int32_t)w >> 20);
    bool shift = funct == 1 || funct == 5, alt = funct == 5 && (w >> 30 & 1) != 0;
    bool word = (w & 0x7f) == 0x1b;
    if (shift && ((w >> 26) & 0x2f) != 0)
        m->fault = "no such instruction";
    return word ? alu32(m, funct, alt, a, imm) : alu(funct, alt, a, imm);
}

/* OP and OP-32. */
static uint64_t op(struct machine *m, uint32_t w, unsigned funct, uint64_t a, uint64_t b)
{
    unsigned kind = w >> 25;
    bool word = (w & 0x7f) == 0x3b, alt = kind == 0x20;
    if (kind == 1)
        return word ? muldiv32(m, funct, a, b) : muldiv(funct, a, b);
    if (kind != 0 && !(alt && (funct == 0 || funct == 5)))
        m->fault = "no such instruction";
    return word ? alu32(m, funct, alt, a, b) : alu(funct, alt, a, b);
}

static void step(struct machine *m)
{
    uint32_t w;
    if (!inside(m, m->pc, 4))
        return;
    memcpy(&w, m->mem + m->pc, 4);
    unsigned rd = (w >> 7) & 31, funct = (w >> 12) & 7;
    uint64_t a = m->x[(w >> 15) & 31], b = m->x[(w >> 20) & 31], next = m->pc + 4, v = 0;
    int64_t imm_i = (int32_t)w >> 20;
    switch (w & 0x7f) {
    case 0x37:
        v = sext32(w & 0xfffff000);
        break;
    case 0x17:
        v = m->pc + sext32(w & 0xfffff000);
        break;
    case 0x6f:
        v = next;
        next = m->pc + (uint64_t)imm_j(w);
        break;
    case 0x67:
        v = next;
        next = (a + (uint64_t)imm_i) & ~(uint64_t)1;
        break;
    case 0x63:
        rd = 0;
        if (branch_taken(m, funct, a, b))
            next = m->pc + (uint64_t)imm_b(w);
        break;
    case 0x03:
        v = load(m, a + (uint64_t)imm_i, funct);
        break;
    case 0x23:
        rd = 0;
        store(m, a + (uint64_t)imm_s(w), funct, b);
        break;
    case 0x13:
    case 0x1b:
        v = op_imm(m, w, funct, a);
        break;
    case 0x33:
    case 0x3b:
        v = op(m, w, funct, a, b);
        break;
    case 0x73:
        rd = 0;
        if (w == 0x73)
            system_call(m);
        else
            m->fault = "stopped by ebreak";
        break;
    default:
        m->fault = "no such instruction";
    }
    m->x[rd] = v;
    m->x[0] = 0;
    m->count++;
    if (m->fault == NULL)
        m->pc = next;
}

/* ---- the program ---- */

static mt_err load_elf(struct machine *m, slice elf, struct mt_diag *diag)
{
    Elf64_Ehdr eh;
    if (elf.len < sizeof eh)
        return mt_fail(diag, MT_EDECODE, "not an ELF file");
    memcpy(&eh, elf.ptr, sizeof eh);
    if (memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0 || eh.e_ident[EI_CLASS] != ELFCLASS64 ||
        eh.e_machine != EM_RISCV || eh.e_type != ET_EXEC ||
        eh.e_phentsize != sizeof(Elf64_Phdr))
        return mt_fail(diag, MT_EDECODE, "not a static program for rv64");
    for (unsigned i = 0; i < eh.e_phnum; i++) {
        Elf64_Phdr ph;
        uint64_t at = eh.e_phoff + (uint64_t)i * sizeof ph;
        if (eh.e_phoff > elf.len || at > elf.len - MT_MIN(elf.len, sizeof ph))
            return mt_fail(diag, MT_EDECODE, "program header %u is cut off", i);
        memcpy(&ph, elf.ptr + at, sizeof ph);
        if (ph.p_type != PT_LOAD)
            continue;
        if (ph.p_filesz > elf.len || ph.p_offset > elf.len - ph.p_filesz ||
            ph.p_memsz < ph.p_filesz || ph.p_memsz > MEMORY_SIZE - STACK_SIZE ||
            ph.p_vaddr > MEMORY_SIZE - STACK_SIZE - ph.p_memsz)
            return mt_fail(diag, MT_EDECODE, "segment %u does not fit", i);
        memcpy(m->mem + ph.p_vaddr, elf.ptr + ph.p_offset, ph.p_filesz);
    }
    m->pc = eh.e_entry;
    /* argc 0 below what would be argv: the program reads its standard input. */
    m->x[2] = MEMORY_SIZE - 64;
    return MT_OK;
}

mt_err rv64_execute(slice elf, struct rv64_run *run, struct mt_diag *diag)
{
    struct machine m = {.run = run};
    m.mem = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (m.mem == MAP_FAILED)
        return mt_fail(diag, MT_ENOMEM, "no memory for the machine");
    mt_err err = load_elf(&m, elf, diag);
    while (err == MT_OK && !m.done && m.fault == NULL)
        step(&m);
    if (m.fault != NULL)
        err = mt_fail(diag, MT_ECORRUPT, "at 0x%llx: %s", (unsigned long long)m.pc,
                      m.fault);
    run->instructions = m.count;
    munmap(m.mem, MEMORY_SIZE);
    return err;
}
