/** Conditions that tests of all modules place on the machine they run on. */
package org.microvm.testing;
