import Glibc
import LinuxSystem

/// Mounted file systems and swap space on disks: on their partitions, and on devices of device mapper, RAID and LVM.
struct DiskUse {
    private let tree: HostFilesystem
    private let places: [(device: String, number: String?, place: String)]

    init(_ tree: HostFilesystem) {
        self.tree = tree
        func lines(_ path: String) -> [[String]] {
            ((try? tree.text(path)) ?? "").split(separator: "\n").map {
                $0.split { $0 == " " || $0 == "\t" }.map(String.init)
            }
        }
        // The number identifies the device even for /dev/root or a path that is not here. proc(5): id, parent,
        // major:minor, root, place, ... - type, device.
        let mounts = lines("proc/self/mountinfo").compactMap { fields -> (String, String?, String)? in
            guard fields.count > 4, let dash = fields.firstIndex(of: "-"), fields.count > dash + 2 else { return nil }
            return (fields[dash + 2], fields[2], fields[4])
        }
        let named = lines("proc/mounts").filter { $0.count > 1 }.map { ($0[0], String?.none, $0[1]) }
        let swaps = lines("proc/swaps").dropFirst().compactMap { fields in
            fields.first.map { ($0, String?.none, "swap") }
        }
        // The root file system comes first.
        places = (mounts + named + swaps).sorted { $0.2 == "/" && $1.2 != "/" }.map {
            (device: $0.0, number: $0.1, place: $0.2)
        }
    }

    /// A block device: a disk, a partition, or a device built on them.
    private struct Block {
        let name: String
        let folder: String
    }

    /// Returns the uses of disks.
    /// - Parameter disks: their folders in sysfs.
    func uses(of disks: [String]) -> [DeviceUse] {
        var blocks: [Block] = []
        for disk in disks {
            let name = disk.split(separator: "/").last.map(String.init) ?? ""
            add(Block(name: name, folder: disk), to: &blocks)
            for part in tree.names(in: disk) where part.hasPrefix(name) {
                add(Block(name: part, folder: "\(disk)/\(part)"), to: &blocks)
            }
        }
        var paths: Set<String> = []
        var numbers: Set<String> = []
        for block in blocks {
            paths.insert("/dev/\(block.name)")
            if let mapped = try? tree.text("\(block.folder)/dm/name") { paths.insert("/dev/mapper/\(mapped)") }
            if let number = try? tree.text("\(block.folder)/dev") { numbers.insert(number) }
        }
        var found: [DeviceUse] = []
        for used in places where paths.contains(used.device) || used.number.map(numbers.contains) ?? false {
            let use = DeviceUse.mounted(device: used.device, at: used.place)
            if !found.contains(use) { found.append(use) }
        }
        return found.isEmpty ? blocks.filter(isClaimed).map { .claimed(device: "/dev/\($0.name)") } : found
    }

    /// Adds a block device and its holders: /sys/class/block/sda2/holders/dm-0.
    private func add(_ block: Block, to blocks: inout [Block]) {
        guard !blocks.contains(where: { $0.name == block.name }) else { return }
        blocks.append(block)
        for holder in tree.names(in: "\(block.folder)/holders") {
            add(Block(name: holder, folder: "sys/class/block/\(holder)"), to: &blocks)
        }
    }

    /// Returns true if the kernel refuses exclusive use: open(2), O_EXCL on block devices. ZFS and bcache leave no
    /// other trace.
    private func isClaimed(_ block: Block) -> Bool {
        let path = tree.path("dev/\(block.name)")
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFBLK else { return false }
        do throws(SystemCallError) {
            _ = try Descriptor(opening: path, flags: O_RDONLY | O_EXCL | O_NONBLOCK)
            return false
        } catch {
            return error.errno == .resourceBusy
        }
    }
}
