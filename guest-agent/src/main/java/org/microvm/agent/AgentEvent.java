package org.microvm.agent;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * A message that the agent sends without a request. No version of qemu-ga up to 10 sends events,
 * but the protocol allows them and other agents send them.
 *
 * @param name the event's name
 * @param data the event's data; a missing node if there is none
 */
public record AgentEvent(String name, JsonNode data) {}
