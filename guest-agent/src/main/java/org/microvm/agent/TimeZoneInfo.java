package org.microvm.agent;

import java.util.Optional;

/**
 * The guest's time zone.
 *
 * @param name such as {@code UTC}
 * @param offsetSeconds current offset from UTC in seconds, positive to the east
 */
public record TimeZoneInfo(Optional<String> name, int offsetSeconds) {}
