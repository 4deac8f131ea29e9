/**
 * Configuration of a machine, and the values that it reports: its end, its statistics, its errors.
 */
package org.microvm.machine.config;
