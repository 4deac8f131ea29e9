package org.microvm.agent;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * Something the agent says unasked. No version of qemu-ga up to 10 does; the protocol allows it,
 * and other agents that speak it do.
 *
 * @param name the event's name
 * @param data what it comes with; a missing node when it comes with nothing
 */
public record AgentEvent(String name, JsonNode data) {}
