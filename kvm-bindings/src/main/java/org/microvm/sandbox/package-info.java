/**
 * The sandbox of a process that runs a machine: the rights that it gives up before it reads
 * anything that a guest, a peer or a snapshot controls.
 *
 * <p>{@link org.microvm.sandbox.Sandbox} applies all layers to all threads of the process. {@code
 * SystemCallPolicy} lists the system calls that remain, and {@link org.microvm.sandbox.FileRules}
 * the files. None of it can be undone.
 */
package org.microvm.sandbox;
