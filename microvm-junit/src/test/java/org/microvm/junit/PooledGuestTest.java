package org.microvm.junit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** Linux guests, one for each test, that have been restored before the test begins. */
@MicroVm(scope = MicroVm.Scope.METHOD, pool = 2)
@Execution(ExecutionMode.CONCURRENT)
@Tag("linux")
@Timeout(300)
class PooledGuestTest {
  @RepeatedTest(4)
  void whatOneTestDoes_theNextDoesNotSee(GuestVm vm) throws Exception {
    assertFalse(vm.machine().isPaused());
    assertEquals(1, vm.exec("test", "-e", "/run/done").status());
    vm.writeFile("/run/done", "");
    assertEquals(0, vm.exec("test", "-e", "/run/done").status());
  }
}
