/* The page below 1 MiB at which application processors start; shared by C and assembly. */
#ifndef AP_LAYOUT_H
#define AP_LAYOUT_H

#define AP_PAGE 0x10000

#endif
