/**
 * Events for the JVM's flight recorder: exits, queue notifications, and pauses, resumes and resets
 * of a machine.
 *
 * <p>Callers check {@link org.microvm.machine.jfr.FlightRecording#isOn} before they use an event
 * class.
 */
package org.microvm.machine.jfr;
