package org.microvm.qmp;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;

/** Parses JSON as QMP defines it: strings may also be in single quotes. */
final class QmpJson {
  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .enable(JsonReadFeature.ALLOW_SINGLE_QUOTES)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
          .build();

  private QmpJson() {}

  /** Parses one value. */
  static JsonNode parse(byte[] bytes) throws QmpException {
    try {
      return JSON.readTree(bytes);
    } catch (JsonProcessingException e) {
      throw QmpException.generic("JSON parse error, %s", e.getOriginalMessage());
    } catch (IOException e) {
      throw QmpException.generic("JSON parse error, %s", e.getMessage());
    }
  }
}
