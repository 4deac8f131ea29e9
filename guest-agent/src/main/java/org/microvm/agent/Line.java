package org.microvm.agent;

/**
 * A line from the agent.
 *
 * @param bytes the line without its end
 * @param delimited whether it began after a delimiter byte (0xFF) rather than after a line's end
 */
record Line(byte[] bytes, boolean delimited) {}
