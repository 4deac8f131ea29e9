package org.microvm.devices.legacy;

import java.util.Map;

/**
 * The register sequences by which Linux's 8250 driver decides what a serial port is: {@code
 * autoconfig}, {@code autoconfig_16550a}, {@code size_fifo} and the tests of {@code
 * serial8250_do_startup} in drivers/tty/serial/8250/8250_port.c (Linux 6.1), rewritten in Java.
 */
final class Linux8250Driver {
  private static final int TX = 0;
  private static final int RX = 0;
  private static final int DLL = 0;
  private static final int IER = 1;
  private static final int DLM = 1;
  private static final int IIR = 2;
  private static final int FCR = 2;
  private static final int EFR = 2;
  private static final int LCR = 3;
  private static final int MCR = 4;
  private static final int LSR = 5;
  private static final int MSR = 6;

  private static final int CONF_MODE_A = 0x80;
  private static final int CONF_MODE_B = 0xbf;
  private static final int LOOP = 0x10;
  private static final int UUE = 0x40;

  private final Uart16550 uart;
  private final Runnable beforeAccess;

  Linux8250Driver(Uart16550 uart) {
    this(uart, () -> {});
  }

  /** Calls {@code beforeAccess} before each access to a register. */
  Linux8250Driver(Uart16550 uart, Runnable beforeAccess) {
    this.uart = uart;
    this.beforeAccess = beforeAccess;
  }

  /** What happens when the first program opens the port: {@code serial8250_do_startup}. */
  void startup() {
    clearFifos();
    clearInterrupts();
    out(LCR, 3);
    setTermios(0);
    out(MCR, 0x0b);
    hasThreBug();
    hasTxenBug();
    clearInterrupts();
    setTermios(5);
  }

  /** What follows: {@code serial8250_do_set_termios}, which enables interrupts before the FIFO. */
  private void setTermios(int enabled) {
    out(IER, enabled);
    out(LCR, 0x83);
    setDivisor(1);
    out(LCR, 3);
    out(FCR, 1);
    out(FCR, 0x81);
    out(MCR, 0x0b);
  }

  /** A message of the kernel: {@code serial8250_console_write}. */
  void print(String text) {
    int enabled = in(IER);
    out(IER, 0);
    for (int i = 0; i < text.length(); i++) {
      in(LSR);
      out(TX, text.charAt(i));
    }
    in(LSR);
    out(IER, enabled);
  }

  /** What the interrupt handler reads: {@code serial8250_handle_irq}. */
  String interrupt() {
    StringBuilder text = new StringBuilder();
    if ((in(IIR) & 1) == 0) {
      while ((in(LSR) & 1) != 0) {
        text.append((char) in(RX));
      }
    }
    return text.toString();
  }

  private void clearFifos() {
    out(FCR, 1);
    out(FCR, 7);
    out(FCR, 0);
  }

  private void clearInterrupts() {
    in(LSR);
    in(RX);
    in(IIR);
    in(MSR);
  }

  /** The type that {@code autoconfig} finds, by its setserial name. */
  String type() {
    int savedIer = in(IER);
    out(IER, 0);
    int none = in(IER) & 0x0f;
    out(IER, 0x0f);
    int all = in(IER) & 0x0f;
    out(IER, savedIer);
    if (none != 0 || all != 0x0f) {
      return "unknown: IER test failed (%x, %x)".formatted(none, all);
    }
    int savedMcr = in(MCR);
    int savedLcr = in(LCR);
    out(MCR, LOOP | 0x0a);
    int modem = in(MSR) & 0xf0;
    out(MCR, savedMcr);
    if (modem != 0x90) {
      return "unknown: LOOP test failed (%x)".formatted(modem);
    }
    out(LCR, CONF_MODE_B);
    out(EFR, 0);
    out(LCR, 0);
    out(FCR, 1);
    String type = Map.of(0, "8250", 1, "unknown", 2, "16550", 3, fifoType()).get(in(IIR) >> 6);
    out(LCR, savedLcr);
    out(FCR, 7);
    out(FCR, 0);
    in(RX);
    out(IER, 0);
    return type;
  }

  /** The number of bytes that arrive when 256 are sent in loopback mode. */
  int fifoSize() {
    int savedLcr = in(LCR);
    out(LCR, 0);
    int savedMcr = in(MCR);
    out(FCR, 7);
    out(MCR, LOOP);
    setDivisor(1);
    out(LCR, 3);
    for (int i = 0; i < 256; i++) {
      out(TX, i);
    }
    int count = 0;
    while ((in(LSR) & 1) != 0 && count < 256) {
      in(RX);
      count++;
    }
    out(FCR, 1);
    out(MCR, savedMcr);
    out(LCR, savedLcr);
    return count;
  }

  /** Whether enabling the "empty" interrupt does not raise it again: UART_BUG_THRE. */
  boolean hasThreBug() {
    out(IER, 2);
    int first = in(IIR);
    out(IER, 0);
    out(IER, 2);
    int second = in(IIR);
    out(IER, 0);
    return (first & 1) == 0 && (second & 1) != 0;
  }

  /** Whether enabling the "empty" interrupt does not raise it at all: UART_BUG_TXEN. */
  boolean hasTxenBug() {
    out(IER, 2);
    int status = in(LSR);
    int id = in(IIR);
    out(IER, 0);
    return (status & 0x40) != 0 && (id & 1) != 0;
  }

  private String fifoType() {
    out(LCR, CONF_MODE_A);
    if (in(EFR) == 0) {
      return "16650 or 16C950";
    }
    out(LCR, CONF_MODE_B);
    if (in(EFR) == 0) {
      return "16650V2";
    }
    out(LCR, 0);
    int mcr = in(MCR);
    out(LCR, 0xe0);
    if (((in(EFR) ^ mcr) & LOOP) == 0) {
      out(LCR, 0);
      out(MCR, mcr ^ LOOP);
      out(LCR, 0xe0);
      int alias = in(EFR);
      out(LCR, 0);
      out(MCR, mcr);
      if (((alias ^ mcr) & LOOP) != 0) {
        return "NS16550A with a second bank";
      }
    }
    out(LCR, 0);
    int plain = fifoBits();
    out(LCR, CONF_MODE_A);
    int withDlab = fifoBits();
    out(LCR, 0);
    if (plain == 0xc0 && withDlab == 0xe0) {
      return "16750";
    }
    int savedIer = in(IER);
    out(IER, savedIer & ~UUE | (savedIer & UUE ^ UUE));
    if (((in(IER) ^ savedIer) & UUE) != 0) {
      return "XScale";
    }
    out(IER, savedIer);
    return fifoSize() == 64 ? "U6_16550A" : "16550A";
  }

  private int fifoBits() {
    out(FCR, 0x21);
    int bits = in(IIR) & 0xe0;
    out(FCR, 1);
    return bits;
  }

  private void setDivisor(int divisor) {
    out(LCR, CONF_MODE_A);
    out(DLL, divisor);
    out(DLM, 0);
  }

  private int in(int register) {
    beforeAccess.run();
    return (int) uart.read(register, 1);
  }

  private void out(int register, int value) {
    beforeAccess.run();
    uart.write(register, 1, value);
  }
}
