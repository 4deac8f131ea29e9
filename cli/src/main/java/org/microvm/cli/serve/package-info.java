/** Requests to the process that hosts the machines of this user, and the limits of that process. */
package org.microvm.cli.serve;
