import PCI
import Testing

/// Configuration spaces as real functions show them: read from sysfs in a Linux host whose devices QEMU 7.2 models,
/// lines of zeros left out.
enum ConfigDump: String, CaseIterable, CustomTestStringConvertible {
    case e1000e = "82574L"
    case e1000 = "82540EM"
    case edu, nvme
    case virtioNet = "virtio-net"
    case xhci

    var testDescription: String { rawValue }

    /// Bytes that the function has.
    var size: Int {
        switch self {
        case .e1000e, .nvme, .xhci: 4096
        case .e1000, .edu, .virtioNet: 256
        }
    }

    /// Its base address registers; the sizes are those of the host's resource files.
    var bars: [BAR] {
        let found: [BAR?] =
            switch self {
            case .e1000e:
                [
                    BAR(index: 0, kind: .memory32, size: 128 << 10), BAR(index: 1, kind: .memory32, size: 128 << 10),
                    BAR(index: 2, kind: .io, size: 32), BAR(index: 3, kind: .memory32, size: 16 << 10),
                ]
            case .e1000: [BAR(index: 0, kind: .memory32, size: 128 << 10), BAR(index: 1, kind: .io, size: 64)]
            case .edu: [BAR(index: 0, kind: .memory32, size: 1 << 20)]
            case .nvme, .xhci: [BAR(index: 0, kind: .memory64, size: 16 << 10)]
            case .virtioNet:
                [
                    BAR(index: 1, kind: .memory32, size: 4096),
                    BAR(index: 4, kind: .memory64, size: 16 << 10, prefetchable: true),
                ]
            }
        return found.compactMap { $0 }
    }

    var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: size)
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: ":")
            guard fields.count == 2, let offset = Int(fields[0], radix: 16) else { continue }
            let digits = Array(fields[1].filter(\.isHexDigit))
            for index in 0..<digits.count / 2 {
                bytes[offset + index] = UInt8(String(digits[2 * index...2 * index + 1]), radix: 16) ?? 0
            }
        }
        return bytes
    }

    func layout(hasINTx: Bool = true) -> PassthroughLayout {
        PassthroughLayout(hardware: bytes, bars: bars, hasINTx: hasINTx)
    }

    private var text: String {
        switch self {
        case .e1000e:
            """
            000: 8680 d310 0301 1000 0000 0002 0000 0000
            010: 0000 b0fe 0000 b2fe c1c0 0000 0000 b6fe
            020: 0000 0000 0000 0000 0000 0000 8680 0000
            030: 0000 0000 c800 0000 0000 0000 0a01 0000
            0a0: 1100 0400 0300 0000 0320 0000 0000 0000
            0c0: 0000 0000 0000 0000 01d0 2200 0300 0000
            0d0: 05e0 8000 0000 0000 0000 0000 0000 0000
            0e0: 10a0 9100 0080 0000 0000 0000 1104 0000
            0f0: 0000 1100 0000 0000 0000 0000 0000 0000
            100: 0100 0214 0000 0000 0000 0000 3020 4600
            110: 0000 0000 00e0 0000 a000 0000 0000 0000
            140: 0300 0100 5634 12ff ff00 5452 0000 0000
            """
        case .e1000:
            """
            000: 8680 0e10 0301 0000 0300 0002 0000 0000
            010: 0000 b4fe 01c0 0000 0000 0000 0000 0000
            020: 0000 0000 0000 0000 0000 0000 f41a 0011
            030: 0000 0000 0000 0000 0000 0000 0a01 0000
            """
        case .edu:
            """
            000: 3412 e811 0301 1000 1000 ff00 0000 0000
            010: 0000 a0fe 0000 0000 0000 0000 0000 0000
            020: 0000 0000 0000 0000 0000 0000 f41a 0011
            030: 0000 0000 4000 0000 0000 0000 0b01 0000
            040: 0500 8000 0000 0000 0000 0000 0000 0000
            """
        case .nvme:
            """
            000: 361b 1000 0701 1000 0202 0801 0000 0000
            010: 0440 b6fe 0000 0000 0000 0000 0000 0000
            020: 0000 0000 0000 0000 0000 0000 f41a 0011
            030: 0000 0000 4000 0000 0000 0000 0b01 0000
            040: 1180 4000 0020 0000 0030 0000 0000 0000
            060: 0100 0300 0800 0000 0000 0000 0000 0000
            080: 1060 9200 0080 0010 0000 0000 1104 0000
            090: 0000 1100 0000 0000 0000 0000 0000 0000
            0a0: 0000 0000 0000 3000 0000 0000 0000 0000
            """
        case .virtioNet:
            """
            000: f41a 4110 0701 1000 0100 0002 0000 0000
            010: 0000 0000 00e0 b6fe 0000 0000 0000 0000
            020: 0cc0 bffe 0000 0000 0000 0000 f41a 0011
            030: 0000 0000 9800 0000 0000 0000 0a01 0000
            040: 0900 1001 0400 0000 0000 0000 0010 0000
            050: 0940 1003 0400 0000 0010 0000 0010 0000
            060: 0950 1004 0400 0000 0020 0000 0010 0000
            070: 0960 1402 0400 0000 0030 0000 0010 0000
            080: 0400 0000 0970 1405 0000 0000 0000 0000
            090: 0000 0000 0000 0000 1184 0300 0100 0000
            0a0: 0108 0000 0000 0000 0000 0000 0000 0000
            """
        case .xhci:
            """
            000: 361b 0d00 0301 1000 0130 030c 0000 0000
            010: 0480 b6fe 0000 0000 0000 0000 0000 0000
            020: 0000 0000 0000 0000 0000 0000 f41a 0011
            030: 0000 0000 9000 0000 0000 0000 0a01 0000
            060: 3000 0000 0000 0000 0000 0000 0000 0000
            090: 11a0 0f00 0030 0000 0038 0000 0000 0000
            0a0: 1000 9200 0080 0000 0000 0000 1104 0000
            0b0: 0000 1100 0000 0000 0000 0000 0000 0000
            0c0: 0000 0000 0000 3000 0000 0000 0000 0000
            """
        }
    }
}
