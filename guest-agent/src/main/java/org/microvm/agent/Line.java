package org.microvm.agent;

/**
 * A line from the agent.
 *
 * @param bytes the line without its newline
 * @param delimited whether it began after a delimiter byte (0xFF) rather than after a newline
 */
record Line(byte[] bytes, boolean delimited) {}
