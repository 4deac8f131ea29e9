package org.microvm.qmp;

/** Where the clients of a control socket come from. */
public sealed interface QmpEndpoint permits QmpSocket, QmpChannel, HumanChannel {}
