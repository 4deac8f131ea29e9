/** What tests of all modules share: conditions on the machine that they run on. */
package org.microvm.testing;
