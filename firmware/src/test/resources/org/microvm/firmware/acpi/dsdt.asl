// The DSDT of a machine with one virtio-mmio device, as a person would write it; see IaslTest.
DefinitionBlock ("", "DSDT", 2, "MICROV", "MICROVM ", 0x00000001)
{
    Name (_S5, Package () { 5, Zero, Zero, Zero })

    Scope (_SB)
    {
        Device (COM1)
        {
            Name (_HID, EisaId ("PNP0501"))
            Name (_UID, One)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x03F8, 0x03F8, 0x01, 0x08)
                IRQNoFlags () {4}
            })
        }

        Device (RTC)
        {
            Name (_HID, EisaId ("PNP0B00"))
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0070, 0x0070, 0x01, 0x02)
                IRQNoFlags () {8}
            })
        }

        Device (PEVT)
        {
            Name (_HID, "QEMU0001")
            Name (_STA, 0x0F)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0505, 0x0505, 0x01, 0x01)
            })
        }

        Device (GED)
        {
            Name (_HID, "ACPI0013")
            Name (_UID, Zero)
            Name (_CRS, ResourceTemplate ()
            {
                Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) {3}
            })
            OperationRegion (EREG, SystemIO, 0x0600, One)
            Field (EREG, ByteAcc, NoLock, WriteAsZeros)
            {
                EVNT, 8
            }

            Method (_INI, 0, Serialized)
            {
                EVNT = One
            }

            Method (_EVT, 1, Serialized)
            {
                Local0 = EVNT
                If (Local0 & One)
                {
                    Notify (PWRB, 0x80)
                }

                If (Local0 & 0x02)
                {
                    Notify (VGEN, 0x80)
                }
            }
        }

        Device (PWRB)
        {
            Name (_HID, EisaId ("PNP0C0C"))
            Name (_UID, Zero)
        }

        Device (VGEN)
        {
            Name (_HID, "QEMUVGID")
            Name (_CID, Package ()
            {
                "VMGENCTR",
                "VM_Gen_Counter"
            })
            Name (_DDN, "VM_Gen_Counter")
            Name (ADDR, Package ()
            {
                0x000FF000,
                Zero
            })
        }

        Device (VR00)
        {
            Name (_HID, "LNRO0005")
            Name (_UID, Zero)
            Name (_CRS, ResourceTemplate ()
            {
                Memory32Fixed (ReadWrite, 0xD0000000, 0x00001000)
                Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) {5}
            })
        }
    }
}
