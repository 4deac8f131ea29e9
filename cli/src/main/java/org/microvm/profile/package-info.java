/** The profiler: samples of where a guest spends its time, counted by symbol. */
package org.microvm.profile;
