/** What a runtime is made of, for the machines in it; not exported. */
package org.microvm.machine.engine;
