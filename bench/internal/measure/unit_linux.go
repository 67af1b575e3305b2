package measure

const maxrssUnit = 1024 // Maxrss is in kilobytes
