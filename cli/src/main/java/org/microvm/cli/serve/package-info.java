/** How commands ask the process that hosts the machines of this user, and its limits. */
package org.microvm.cli.serve;
