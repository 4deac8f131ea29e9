/*
 * Enters C in long mode from the PVH entry (32-bit protected mode, paging off, EBX -> hvm_start_info).
 *
 * On a host without hardware virtualization everything at CPL0 is emulated, one instruction at a
 * time, so page tables, GDT and TSS are static data where possible.
 */

#define XEN_ELFNOTE_PHYS32_ENTRY 18

    .section .note.pvh, "a", @note
    .balign 4
    .long 2f - 1f               /* name size */
    .long 4f - 3f               /* descriptor size */
    .long XEN_ELFNOTE_PHYS32_ENTRY
1:  .asciz "Xen"
2:  .balign 4
3:  .quad pvh_entry
4:

#define CR0_MP (1 << 1)
#define CR0_EM (1 << 2)
#define CR0_TS (1 << 3)
#define CR0_PG (1 << 31)
#define CR4_PAE (1 << 5)
#define CR4_OSFXSR (1 << 9)
#define CR4_OSXMMEXCPT (1 << 10)
#define MSR_EFER 0xc0000080
#define EFER_LME (1 << 8)

/* The local APIC's end-of-interrupt register at an address an instruction can encode: see page_map. */
#define LAPIC_EOI 0xfffffffffee000b0

    .text
    .code32
    .globl pvh_entry
pvh_entry:
    cld
    movl $kernel_stack_top, %esp
    movl %ebx, %edi             /* first argument of start() */
    lgdt gdt_pointer
    movl %cr4, %eax
    orl $(CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT), %eax
    movl %eax, %cr4
    movl $page_map, %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_LME, %eax
    wrmsr
    movl %cr0, %eax
    andl $~(CR0_EM | CR0_TS), %eax
    orl $(CR0_PG | CR0_MP), %eax
    movl %eax, %cr0
    ljmpl $0x10, $1f

    .code64
1:  movl $0x18, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    xorl %ebp, %ebp
    call start                  /* does not return */

/*
 * enter_user_at(function): switches to CPL3 with interrupts on and does not return.
 *
 * CPL3 uses ports by IOPL as well as by the TSS: kvm-pvm looks at the TSS alone, and QEMU's TCG no longer
 * at the TSS once a VMM under it has restored the task register, whose busy bit KVM sets and TCG refuses.
 */
    .globl enter_user_at
enter_user_at:
    pushq $0x2b                 /* SS */
    pushq $user_stack_top - 8   /* RSP, as after a call */
    pushq $0x3202               /* RFLAGS: IF, IOPL 3 */
    pushq $0x33                 /* CS */
    pushq %rdi                  /* RIP */
    xorl %ebp, %ebp
    iretq

/*
 * One stub of 16 bytes for each of the vectors 0 to 0x3f. Those for which the CPU pushes no error
 * code push 0, so that all frames have the same layout.
 */
    .balign 16
    .globl trap_stubs
trap_stubs:
    .set vector, 0
    .rept 0x40
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
    pushq $0
    .endif
    pushq $vector
    jmp trap_common
    .set vector, vector + 1
    .endr

    .balign 16
trap_common:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rbx
    pushq %rbp
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    call trap
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rbp
    popq %rbx
    popq %rdx
    popq %rcx
    popq %rax
    addq $16, %rsp              /* vector and error code */
    iretq

/*
 * The short path to sleep and to be woken by a virtio-mmio device, for guests that are measured: on an
 * emulating host each instruction here costs half a microsecond, and trap_common has fifty.
 */
    .balign 16
    .globl short_interrupt
short_interrupt:
    testb $3, 8(%rsp)           /* CPL that was interrupted */
    jnz 1f
    /* short_halt: return directly to its caller, which does not need RDX. */
    movq short_device, %rdx
    cmpl $1, 0x60(%rdx)         /* InterruptStatus: used buffers */
    jne 2f
    movl $1, 0x64(%rdx)         /* InterruptACK */
    movl $1, irq_seen
    movl $0, LAPIC_EOI
    movq 24(%rsp), %rsp         /* the frame of short_halt */
    iretq
1:  pushq %rax
    pushq %rdx
    movq short_device, %rdx
    call short_acknowledge
    popq %rdx
    popq %rax
    iretq
2:  call short_acknowledge      /* none, or a configuration change; returns to hlt's next */
    iretq

short_acknowledge:
    movl 0x60(%rdx), %eax
    testl %eax, %eax
    jz 1f
    movl %eax, 0x64(%rdx)
    movl $1, irq_seen
1:  movl $0, LAPIC_EOI
    ret

/* Handles #GP, assumed to come from hlt at CPL3; RAX and RDX are clobbered. */
    .balign 16
    .globl short_halt
short_halt:
    addq $8, %rsp               /* error code */
    incq (%rsp)                 /* skip hlt */
    cmpl $0, irq_seen
    jne 1f
    sti
    hlt
    cli
1:  iretq

    .bss
    .balign 8
    .globl short_device
short_device:
    .skip 8

/* The selectors are those of Linux, which software hypervisors handle best. */
    .data
    .balign 16
    .globl gdt
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff    /* 0x08 kernel code, 32 bits */
    .quad 0x00af9b000000ffff    /* 0x10 kernel code */
    .quad 0x00cf93000000ffff    /* 0x18 kernel data */
    .quad 0x00cffb000000ffff    /* 0x23 user code, 32 bits */
    .quad 0x00cff3000000ffff    /* 0x2b user data */
    .quad 0x00affb000000ffff    /* 0x33 user code */
    .quad 0
    .quad 0, 0                  /* 0x40 TSS, filled in by start() */
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .quad gdt

/* CPL3 may access all ports: the bitmap is all zeros, followed by the required byte of ones. */
    .balign 16
    .globl tss
tss:
    .long 0
    .quad kernel_stack_top      /* RSP0 */
    .fill 90, 1, 0
    .word io_bitmap - tss
io_bitmap:
    .fill 8192, 1, 0
    .byte 0xff
    .globl tss_end
tss_end:

/*
 * Maps the first 4 GiB one to one in 2 MiB pages, writable and accessible at CPL3. At 4 GiB follows the
 * page directory "window", whose pages map_window() maps to other memory. The fourth GiB, which has the
 * devices, is also mapped just below 2^64: there an instruction can encode an address in 32 bits.
 */
#define TABLE 0x67              /* present, writable, user, accessed, dirty */
#define PAGE_2M 0xe7            /* the same, and a large page */

    .balign 4096
    .globl page_map
page_map:
    .quad page_directory_pointers + TABLE
    .fill 510, 8, 0
    .quad page_directory_pointers + TABLE
page_directory_pointers:
    .quad page_directories + TABLE
    .quad page_directories + 0x1000 + TABLE
    .quad page_directories + 0x2000 + TABLE
    .quad page_directories + 0x3000 + TABLE
    .quad window + TABLE
    .fill 506, 8, 0
    .quad page_directories + 0x3000 + TABLE
page_directories:
    .set frame, 0
    .rept 2048
    .quad frame | PAGE_2M
    .set frame, frame + 0x200000
    .endr

    .bss
    .balign 4096
    .globl window
window:
    .skip 4096

    .balign 16
    .skip 16384
kernel_stack_top:
    .skip 16384
user_stack_top:
