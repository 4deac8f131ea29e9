package org.microvm.agent;

import java.util.Optional;

/**
 * The guest's time zone.
 *
 * @param name such as {@code UTC}
 * @param offsetSeconds seconds east of UTC, now
 */
public record TimeZoneInfo(Optional<String> name, int offsetSeconds) {}
