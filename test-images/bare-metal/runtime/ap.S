/*
 * The start page of an application processor. start_processor() copies it to AP_PAGE, where a SIPI makes
 * the processor begin in real mode, with CS at the page and IP 0. It leads to ap_main() in long mode, with
 * the stack that ap_stack points to.
 */
#include "ap_layout.h"

#define CR0_PE (1 << 0)
#define CR0_MP (1 << 1)
#define CR0_EM (1 << 2)
#define CR0_TS (1 << 3)
#define CR0_CACHE (3 << 29)     /* CD and NW, which INIT sets */
#define CR0_PG (1 << 31)
#define CR4_PAE (1 << 5)
#define CR4_OSFXSR (1 << 9)
#define CR4_OSXMMEXCPT (1 << 10)
#define MSR_EFER 0xc0000080
#define EFER_LME (1 << 8)

    .section .rodata
    .balign 16
    .globl ap_page, ap_page_end
    .code16
ap_page:
    cli
    movw %cs, %ax
    movw %ax, %ds
    lgdtl ap_gdt_pointer - ap_page
    movl %cr0, %eax
    andl $~(CR0_CACHE | CR0_EM | CR0_TS), %eax
    orl $(CR0_PE | CR0_MP), %eax
    movl %eax, %cr0
    ljmpl $0x08, $(AP_PAGE + 1f - ap_page)

    .code32
1:  movl $0x18, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
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
    orl $CR0_PG, %eax
    movl %eax, %cr0
    ljmpl $0x10, $ap_long_mode

    .balign 4
ap_gdt_pointer:
    .word 9 * 8 - 1             /* up to the TSS, which an AP does not load */
    .long gdt
ap_page_end:

    .text
    .code64
ap_long_mode:
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    lidt idt_pointer
    movq ap_stack, %rsp
    xorl %ebp, %ebp
    call ap_main                /* does not return */
