package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Commands for hardware that this machine lacks answer as QEMU does without that hardware. */
@Timeout(60)
class AbsentPartsTest extends QmpProtocolFixture {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      value = {
        "'query-colo-status'|{'mode': 'none', 'last-mode': 'none', 'reason': 'none'}",
        "'query-yank'|[]",
        "'query-stats', 'arguments': {'target': 'vm', 'providers': []}|[]",
        "'query-stats', 'arguments': {'target': 'vm', 'providers': [{'provider': 'kvm',"
            + " 'names': ['exits']}]}|[{'provider': 'kvm', 'stats': [{'name': 'exits', 'value': 3}]}]",
        "'query-stats', 'arguments': {'target': 'vcpu'}|[{'provider': 'kvm',"
            + " 'qom-path': '/machine/unattached/device[0]', 'stats':"
            + " [{'name': 'halts', 'value': 1}, {'name': 'wait', 'value': [5, 6]}]}]",
        "'rtc-reset-reinjection'|{}",
        "'transaction', 'arguments': {'actions': []}|{}",
        "'trace-event-get-state', 'arguments': {'name': '*foo'}|[]",
        "'trace-event-set-state', 'arguments': {'name': 'a*', 'enable': true}|{}",
        "'watchdog-set-action', 'arguments': {'action': 'none'}|{}",
        "'yank', 'arguments': {'instances': []}|{}",
        "'object-add', 'arguments': {'qom-type': 'rng-random', 'id': 'r0'}|{}",
      })
  void whatAsksForNothing_succeeds(String command, String answer) throws IOException {
    try (RawClient client = client()) {
      JsonNode reply = client.ask("{'execute': " + command + "}");

      assertEquals(json(answer.replace('\'', '"')), reply.path("return"), reply.toString());
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      value = {
        "'add_client', 'arguments': {'protocol': 'vnc', 'fdname': 'x'}"
            + "|File descriptor named 'x' has not been found",
        "'block_resize', 'arguments': {'device': 'x', 'size': 1}"
            + "|Cannot find device='x' nor node-name=''",
        "'object-add', 'arguments': {'id': 'x'}|Parameter 'qom-type' is missing",
        "'object-add', 'arguments': {'qom-type': 'x', 'id': 'x'}"
            + "|Parameter 'qom-type' does not accept value 'x'",
        "'object-add', 'arguments': {'qom-type': 'rng-builtin', 'id': '1'}"
            + "|Parameter 'id' expects an identifier",
        "'object-add', 'arguments': {'qom-type': 'rng-builtin', 'id': 'r', 'x': 1}"
            + "|Parameter 'x' is unexpected",
        "'object-del', 'arguments': {'id': 'x'}|object 'x' not found",
        "'query-sev-capabilities'|SEV is not enabled in KVM",
        "'query-sgx'|SGX is only supported on PC machines",
        "'query-command-line-options', 'arguments': {'option': 'x'}|invalid option name: x",
        "'ringbuf-read', 'arguments': {'device': 'x', 'size': 1}|Device 'x' not found",
        "'ringbuf-write', 'arguments': {'device': 'x', 'data': 'a', 'format': 'b'}"
            + "|Parameter 'format' does not accept value 'b'",
        "'query-stats', 'arguments': {'target': 'x'}"
            + "|Parameter 'target' does not accept value 'x'",
        "'query-stats', 'arguments': {'target': 'vm', 'vcpus': []}"
            + "|Parameter 'vcpus' is unexpected",
        "'screendump', 'arguments': {'filename': 'x'}|There is no console to take a screendump from",
        "'trace-event-get-state', 'arguments': {'name': 'foo'}|unknown event \"foo\"",
        "'transaction', 'arguments': {'actions': [{'type': 'abort'}]}"
            + "|Parameter 'type' does not accept value 'abort'",
        "'watchdog-set-action', 'arguments': {'action': 'x'}"
            + "|Parameter 'action' does not accept value 'x'",
        "'x-exit-preconfig'|The command is permitted only before machine initialization",
        "'yank', 'arguments': {'instances': [{'type': 'chardev', 'id': 'x'}]}|Instance not found",
        "'chardev-change', 'arguments': {'id': 'x', 'backend': {'type': 'null', 'data': {}}}"
            + "|Chardev 'x' does not exist",
        "'balloon', 'arguments': {'value': 1.0}"
            + "|Invalid parameter type for 'value', expected: integer",
        "'balloon', 'arguments': {'value': 9223372036854775808}"
            + "|Invalid parameter type for 'value', expected: integer",
        "'migrate-set-parameters', 'arguments': {'max-bandwidth': 1.0}"
            + "|Invalid parameter type for 'max-bandwidth', expected: integer",
      })
  void whatNamesSomething_isRefused(String command, String text) throws IOException {
    try (RawClient client = client()) {
      assertEquals(text, client.refusal("{'execute': " + command + "}"));
    }
  }

  @Test
  void chardev_thatNoDeviceUses_isExchanged() throws IOException {
    try (RawClient client = client()) {
      String backend = "'id': 'c', 'backend': {'type': '%s', 'data': {}}";
      client.ask(
          "{'execute': 'chardev-add', 'arguments': {%s}}".formatted(backend.formatted("null")));

      JsonNode changed =
          client.ask(
              "{'execute': 'chardev-change', 'arguments': {%s}}"
                  .formatted(backend.formatted("pty")));

      assertTrue(changed.path("return").has("pty"), changed.toString());
    }
  }

  @Test
  void credentials_areAnObject() throws IOException {
    try (RawClient client = client()) {
      client.ask(
          "{'execute': 'object-add', 'arguments': {'qom-type': 'tls-creds-x509', 'id': 'tls0',"
              + " 'dir': '/pki', 'endpoint': 'client'}}");
      assertEquals(
          "attempt to add duplicate property 'tls0' to object (type 'container')",
          client.refusal(
              "{'execute': 'object-add', 'arguments': {'qom-type': 'rng-builtin', 'id': 'tls0'}}"));
      client.ask("{'execute': 'migrate-set-parameters', 'arguments': {'tls-creds': 'tls0'}}");

      JsonNode parameters = client.ask("{'execute': 'query-migrate-parameters'}").path("return");

      assertEquals("/pki", parameters.path("tls-creds").asText());
      JsonNode objects =
          client.ask("{'execute': 'qom-list', 'arguments': {'path': '/objects'}}").path("return");
      assertTrue(objects.toString().contains("\"tls0\""), objects.toString());
    }
  }

  @Test
  void bandwidth_beyondTheRange_isTheLargest() throws IOException {
    try (RawClient client = client()) {
      client.ask(
          "{'execute': 'migrate-set-parameters', 'arguments': {'max-bandwidth':"
              + " 18446744073709551615}}");

      JsonNode parameters = client.ask("{'execute': 'query-migrate-parameters'}").path("return");

      assertEquals(Long.MAX_VALUE, parameters.path("max-bandwidth").longValue());
    }
  }

  @Test
  void yank_runsOutOfBand_andNothingElse() throws IOException {
    try (RawClient client = new RawClient(socket())) {
      client.read();
      client.ask("{'execute': 'qmp_capabilities', 'arguments': {'enable': ['oob']}}");

      JsonNode reply = client.ask("{'exec-oob': 'yank', 'arguments': {'instances': []}, 'id': 1}");

      assertEquals(json("{\"return\": {}, \"id\": 1}"), reply);
      assertEquals("The command stop does not support OOB", client.refusal("{'exec-oob': 'stop'}"));
    }
  }

  @Test
  void options_haveParameters() throws IOException {
    Set<String> names = new HashSet<>();
    try (RawClient client = client()) {
      JsonNode options = client.ask("{'execute': 'query-command-line-options'}").path("return");
      options.forEach(option -> names.add(option.path("option").asText()));
    }

    assertTrue(names.containsAll(List.of("machine", "chardev", "device", "smp-opts")), "" + names);
  }
}
