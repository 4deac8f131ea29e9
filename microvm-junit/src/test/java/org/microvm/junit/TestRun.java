package org.microvm.junit;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.engine.reporting.ReportEntry;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** Runs test classes with JUnit from within a test and records their results. */
final class TestRun implements TestExecutionListener {
  private final List<Throwable> failures = new ArrayList<>();
  private final List<String> skipped = new ArrayList<>();
  private final List<String> entries = new ArrayList<>();
  private int succeeded;

  private TestRun() {}

  static TestRun of(Class<?>... classes) {
    return of(Map.of(), classes);
  }

  static TestRun of(Map<String, String> parameters, Class<?>... classes) {
    LauncherDiscoveryRequest request =
        LauncherDiscoveryRequestBuilder.request()
            .selectors(List.of(classes).stream().map(DiscoverySelectors::selectClass).toList())
            .configurationParameters(parameters)
            .build();
    TestRun run = new TestRun();
    LauncherFactory.create().execute(request, run);
    return run;
  }

  @Override
  public synchronized void executionFinished(TestIdentifier test, TestExecutionResult result) {
    result.getThrowable().ifPresent(failures::add);
    if (test.isTest() && result.getStatus() == TestExecutionResult.Status.SUCCESSFUL) {
      succeeded++;
    }
  }

  @Override
  public synchronized void executionSkipped(TestIdentifier test, String reason) {
    skipped.add(reason);
  }

  @Override
  public synchronized void reportingEntryPublished(TestIdentifier test, ReportEntry entry) {
    entries.add(entry.getKeyValuePairs().toString());
  }

  synchronized List<Throwable> failures() {
    return failures;
  }

  synchronized List<String> skipped() {
    return skipped;
  }

  synchronized List<String> entries() {
    return entries;
  }

  synchronized int succeeded() {
    return succeeded;
  }
}
