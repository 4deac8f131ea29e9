/** What tests of all modules need of the machine they run on, and use of it. */
package org.microvm.testing;
