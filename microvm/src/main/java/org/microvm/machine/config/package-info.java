/** What a machine is made of, and the records of what it did: values, with nothing behind them. */
package org.microvm.machine.config;
