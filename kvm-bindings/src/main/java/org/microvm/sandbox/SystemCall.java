package org.microvm.sandbox;

import java.util.List;

/**
 * A system call that the sandbox decides on.
 *
 * @param number its number on x86-64, of asm/unistd_64.h
 * @param name its name
 * @param group what the process needs it for
 * @param tests it is allowed if one of these holds; always if there are none
 * @param refusal the errno with which it fails otherwise, in both modes
 */
record SystemCall(int number, String name, String group, List<ArgumentTest> tests, int refusal) {
  SystemCall {
    tests = List.copyOf(tests);
  }
}
