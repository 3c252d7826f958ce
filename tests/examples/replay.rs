fn main() {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap();
    for file in args {
        let bytes = std::fs::read(&file).unwrap();
        let p = longwire_tests::properties::TARGETS.iter().find(|(n, _)| *n == name).unwrap().1;
        p(&bytes);
    }
}
