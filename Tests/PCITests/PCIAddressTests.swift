import PCI
import Testing

@Suite struct PCIAddressTests {
    @Test(
        arguments: [
            ("0000:00:04.0", 0, 0, 4, 0), ("00:04.0", 0, 0, 4, 0), ("0000:ff:1f.7", 0, 0xff, 31, 7),
            ("10000:e1:00.2", 0x10000, 0xe1, 0, 2),
            ("abcd:AB:1C.3", 0xabcd, 0xab, 0x1c, 3), ("0:1:2.3", 0, 1, 2, 3),
            ("ffffffff:00:00.0", 0xffff_ffff, 0, 0, 0),
        ] as [(String, UInt32, UInt8, UInt8, UInt8)])
    func reads(_ text: String, _ segment: UInt32, _ bus: UInt8, _ device: UInt8, _ function: UInt8) {
        #expect(PCIAddress(text) == PCIAddress(segment: segment, bus: bus, device: device, function: function))
    }

    @Test(arguments: [
        "", ":", "04.0", "00:04", "00:04.", "00:04.8", "00:20.0", "100:04.0", "00:04.00", "000000000:00:04.0",
        "0000::04.0", "-1:04.0",
        "+0:04.0",
        " 00:04.0", "00:04.0 ", "0000:00:04.0.0", "0:0000:00:04.0", "0x0:04.0", "00:٤.0", "zz:04.0", "00:04.0\n",
    ])
    func refuses(_ text: String) {
        #expect(PCIAddress(text) == nil)
    }

    @Test(arguments: ["0000:00:00.0", "0000:00:04.0", "0001:02:1f.7", "10000:e1:00.2", "ffffffff:ff:1f.7"])
    func printsWhatItRead(_ text: String) throws {
        #expect(try #require(PCIAddress(text)).description == text)
    }

    @Test func refusesDeviceAndFunctionOutOfRange() {
        #expect(PCIAddress(bus: 0, device: 32, function: 0) == nil)
        #expect(PCIAddress(bus: 0, device: 0, function: 8) == nil)
        #expect(PCIAddress(bus: 255, device: 31, function: 7) != nil)
    }

    @Test func everyRequesterIDNamesOneFunction() {
        for id in UInt16.min...UInt16.max where PCIAddress(requesterID: id).requesterID != id {
            Issue.record("requester ID \(id) came back as \(PCIAddress(requesterID: id).requesterID)")
        }
        #expect(PCIAddress(requesterID: 0x0123) == PCIAddress("01:04.3"))
    }

    @Test func sortsBySegmentThenBusDeviceFunction() {
        let texts = ["0000:00:00.1", "0000:00:02.0", "0000:00:10.0", "0000:01:00.0", "0001:00:00.0", "10000:00:00.0"]
        let sorted = texts.compactMap { PCIAddress($0) }
        #expect(sorted.count == 6)
        #expect(sorted.reversed().sorted() == sorted)
    }
}
