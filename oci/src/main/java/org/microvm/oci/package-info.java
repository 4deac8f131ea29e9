/**
 * Writes the OCI image of the distribution with Jib, which needs neither a daemon nor a base image.
 * {@code tools/oci} lays out the files and runs it.
 */
package org.microvm.oci;
