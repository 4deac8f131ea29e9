/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMAND_H
#define COMMAND_H

/* Runs the program that the host names at this port; returns once the host knows the program's exit status. */
int command_main(const char *path);

#endif
