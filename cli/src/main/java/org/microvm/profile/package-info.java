/** Where a guest spends its time: samples, symbols and tables of them. */
package org.microvm.profile;
